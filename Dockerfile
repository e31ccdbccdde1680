# One image, three commands: `finops nightly` (the default), `finops-api serve`, `finops docs serve`.
# Everything comes from the hash lock; a company's mirror of the package index is given as pip's own PIP_INDEX_URL.
# The base is by digest, too. A newer one: docker buildx imagetools inspect python:3.11-slim
ARG BASE=python:3.11-slim@sha256:9c900dea9e8fb7e16277c179b555cc72d29a352dbc33cff48ad5a0412fd5bfc7

FROM ${BASE} AS build
ARG PIP_INDEX_URL
WORKDIR /build
COPY requirements-image.lock ./
# Wheels only: nothing is compiled, so no compiler is needed here either.
RUN python3 -m venv --without-pip /opt/venv \
    && python3 -m venv /opt/pip \
    && /opt/pip/bin/pip --python /opt/venv/bin/python install --no-cache-dir --no-compile --no-deps --only-binary :all: \
        --require-hashes -r requirements-image.lock
COPY pyproject.toml README.md profiles.yml.example ./
COPY finops finops
COPY api api
COPY ingest ingest
COPY dbt_project dbt_project
# The package as its wheel has it, without any company's data. Then what nothing here calls goes: Arrow's tests, RPC and
# headers, Amazon's services but for S3, the names of days in 500 tongues. The root is read-only when it runs: what Python
# would compile at each start is compiled here, and never checked against the clock of a file. The imports at the end say
# whether too much went.
RUN /opt/pip/bin/pip --python /opt/venv/bin/python install --no-cache-dir --no-compile --no-deps --no-build-isolation . \
    && cd /opt/venv/lib/python3*/site-packages \
    && rm -rf pyarrow/tests pyarrow/include pyarrow/*flight* \
    && find botocore/data -mindepth 1 -maxdepth 1 -type d \
        ! -name s3 ! -name signin ! -name 'sso*' ! -name sts -exec rm -rf {} + \
    && find babel/locale-data -name '*.dat' ! -name 'root.dat' ! -name 'en*.dat' -delete \
    && /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/venv \
    && cd / \
    && /opt/venv/bin/python -c "import adlfs, gcsfs, s3fs, adbc_driver_postgresql.dbapi, dbt.cli.main, finops.api.app, finops.ingest.cli; finops.api.page.files.files()"

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="finops-module" \
    org.opencontainers.image.description="Nightly consumption of a company, as relevés, and the API that serves it" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/venv /opt/venv
# Whatever is written goes below /tmp, the one place that has to be writable: dbt's files, CSV of the API.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    TMPDIR=/tmp \
    DBT_TARGET_PATH=/tmp/dbt \
    DBT_LOG_PATH=/tmp/dbt
# The company's folder, as `finops init` writes one, is mounted here.
WORKDIR /project
# By number, so that Kubernetes can tell that it is not root.
USER 10001:10001
CMD ["finops", "nightly"]
