"""The doctor's check of ownership: claims of the catalog that change nothing until they are confirmed."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg.rows import class_row

from finops.ingest.database import Connection, exists
from finops.ingest.doctor.finding import Finding

CONFLICTS = """
    with described as (
        select claim,
            case claim
                when 'OTHER_OWNER' then format('%s claims %s of %s for %s, since %s', claimant_ref, subject_id,
                    coalesce(holder_group_id, 'nobody'), claimed_group_id, claimed_on)
                else format('%s lists %s as its child, which names no parent', claimant_ref, subject_id)
            end || coalesce(format(' (%s %s in %s)', string_agg(round(total_cost, 2)::text, ', ' order by currency),
                string_agg(currency, ', ' order by currency), to_char(min(period), 'YYYY-MM')), '') as detail,
            max(abs(total_cost)) as cost
        from finops.ownership_conflicts
        group by claim, claimant_ref, subject_id, holder_group_id, claimed_group_id, claimed_on
    ),
    placed as (
        select *, row_number() over (partition by claim order by cost desc nulls last, detail) as place from described
    )
    select '!' as sign, 'ownership' as what,
        case claim
            when 'OTHER_OWNER' then format('claims of the catalog that contradict an owner: %s', count(*))
            else format('claims of groups to be a parent, not confirmed: %s', count(*))
        end as found,
        case claim
            when 'OTHER_OWNER'
                then 'correct the entity, or confirm it by entity_ref in applications, or by catalog_claims'
            else 'write spec.parent into the child, or confirm it by parent_group_id in groups, or by catalog_claims'
        end || ' (docs/ownership.md); all are in finops.ownership_conflicts' as remedy,
        array_agg(detail order by place) filter (where place <= 5) as details
    from placed
    group by claim
    order by claim
"""


def examine(connection: Connection) -> Iterator[Finding]:
    """Report the claims that are not confirmed, the most expensive first."""
    if exists(connection, "finops.ownership_conflicts"):
        yield from connection.cursor(row_factory=class_row(Finding)).execute(CONFLICTS)
