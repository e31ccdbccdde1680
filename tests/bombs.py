"""Small files that unpack to more than any memory, as the sources of a nightly would find them."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.e2e.finops import HEADER, charge

MIB = 1 << 20
Sheet = Callable[[zipfile.ZipFile], None]
LINES = 20_000
LINE = charge("1.00", "2026-10-01")


def repeated(path: Path, piece: bytes, times: int, start: bytes = b"") -> None:
    """Write a gzip of a start, and of a piece that comes so many times, in members of which each is packed once."""
    with path.open("wb") as file:
        file.write(gzip.compress(start))
        block = 1 << 10
        packed = gzip.compress(piece * block)
        for _ in range(times // block):
            file.write(packed)


def columns(lines: int) -> dict[str, pa.Array]:
    texts = {
        "BillingCurrency": "EUR",
        "BillingPeriodStart": "2026-10-01",
        "ChargePeriodStart": "2026-10-01",
        "ProviderName": "Nimbus",
        "day": "2026-10-01",
        "BilledCost": "1",
        "EffectiveCost": "1",
    }
    return {name: pa.repeat(text, lines) for name, text in texts.items()}


def dictionary(path: Path, size: int) -> None:
    """Write a bill of lines whose service is one long text, which the file holds once."""
    service = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), LINES), pa.array(["x" * size]))
    _parquet(path, {**columns(LINES), "ServiceName": service})


def tags(path: Path, size: int) -> None:
    """Write a bill of lines with one long tag, which the file holds once."""
    key = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), LINES), pa.array(["x" * size]))
    tag = pa.MapArray.from_arrays(pa.array(range(LINES + 1), pa.int32()), pa.repeat("team", LINES), key)
    _parquet(path, {**columns(LINES), "ServiceName": pa.repeat("Queue", LINES), "Tags": tag})


def lists(path: Path, count: int) -> None:
    """Write a bill of one line with a very long list of one number."""
    numbers = pa.ListArray.from_arrays(pa.array([0, count], pa.int32()), pa.repeat(pa.scalar(1, pa.int8()), count))
    _parquet(path, {**columns(1), "ServiceName": pa.array(["Queue"]), "x_Credits": numbers})


def _parquet(path: Path, columns: Mapping[str, pa.Array]) -> None:
    pq.write_table(pa.table(dict(columns)), path, compression="zstd", write_statistics=False, store_schema=False)


def workbook(path: Path, sheet: Sheet, strings: str = "") -> None:
    """Write an XLSX workbook with a sheet of one's own making."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="xml" ContentType='
        f'"application/xml"/><Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/><Override '
        f'PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/><Override PartName='
        f'"/xl/sharedStrings.xml" ContentType="{kind}.sharedStrings+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" Type='
        f'"{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="usage" sheetId="1" '
        'r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" Type='
        f'"{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/sharedStrings.xml": strings or f'<sst xmlns="{main}"/>',
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
        sheet(archive)


def rows(xml: bytes, times: int = 1) -> Sheet:
    """What writes a sheet of a header, and of rows that come so many times."""
    main = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    header = b'<row r="1"><c r="A1" t="inlineStr"><is><t>day</t></is></c></row>'

    def write(archive: zipfile.ZipFile) -> None:
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            part.write(b'<worksheet xmlns="%b"><sheetData>%b' % (main, header))
            for _ in range(times):
                part.write(xml)
            part.write(b"</sheetData></worksheet>")

    return write


LAUGHS = (
    "<!DOCTYPE sst [<!ENTITY a0 'ha'>"
    + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 12))
    + ']><sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>&a11;</t></si></sst>'
)


def header(columns: int = 0) -> bytes:
    """The header of a bill, with so many columns more."""
    return (HEADER + "".join(f",x{number}" for number in range(columns)) + "\n").encode()
