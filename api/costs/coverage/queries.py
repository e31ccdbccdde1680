"""The queries of coverage and gaps: as the views of finops_api show each transaction its caller's groups."""

# ruff: noqa: S608 - every piece of these texts is written here; what a caller sends is a parameter
from __future__ import annotations

_SPAN = "period between %(first)s and %(last)s"
# Whoever may see everything sees a source that never had a cost, too: nothing else says that it is missing.
_MEASURED = """
    exists (select from finops_api.visible_products as seen where seen.source = months.source)
    or finops_api.caller_keys() @> array['*']"""
SOURCES = f"""
    select distinct source, domain from (
        select source, domain from finops_api.visible_products
        union all
        select source, domain from finops_api.visible_rejects
        union all
        select source, domain from finops_api.visible_set_apart
        union all
        select source, domain from finops_api.source_periods as months where {_MEASURED}
    ) as known order by 1, 2"""
CURRENCIES = """
    select currency from finops_api.visible_group_periods
    union
    select currency from finops_api.visible_rejects
    union
    select currency from finops_api.visible_set_apart"""
COVERAGE_COLUMNS = (
    "source,domain,period,currency,cost,allocated,unallocated,estimated,rejected,rejected_lines,unpriced_lines,set_apart,"
    "measured_days,estimated_days,missing_days,days_to_come,missing_dates,complete_until"
)
GAP_COLUMNS = "source,domain,reason,subject,amount,currency,lines,group,first_period,last_period,folded"
_AMOUNTS = {
    "visible_group_costs": {"cost": "total_cost", "estimated": "estimated_cost", "unallocated": "unallocated_cost"},
    "visible_rejects": {
        "rejected": "rejected_cost",
        "rejected_lines": "rejected_line_count",
        "unpriced_lines": "unpriced_line_count",
    },
    "visible_set_apart": {"set_apart": "set_apart_cost"},
}
_KEYS = ('"source"', "domain", "reason", "coalesce(subject, '')", '"group"', "coalesce(currency, '')")
POSITION = ("rank", "-lines", *(f'{key} collate "C"' for key in _KEYS))


def _filtered(*dimensions: str) -> str:
    """The conditions on these dimensions, whose values are their parameters."""
    return " ".join(f"and {dimension} = any(%({dimension})s)" for dimension in dimensions)


def coverage(*filters: str, text: bool = False) -> str:
    """A row for each source and month; `text`: the days that are missing as one text, for CSV."""
    of_sources = _filtered(*(name for name in filters if name != "currency"))
    columns = [name for amounts in _AMOUNTS.values() for name in amounts]
    listed = " union all ".join(
        f"""select source, domain, period, currency,
            {", ".join(f"{amounts.get(name, 'cast(null as numeric)')} as {name}" for name in columns)}
            from finops_api.{view} where {_SPAN} {of_sources}"""
        for view, amounts in _AMOUNTS.items()
    )
    sums = ", ".join(
        f"cast(coalesce(sum({name}), 0) as bigint) as {name}"
        if name.endswith("_lines")
        else f"trim_scale(coalesce(sum({name}), 0)) as {name}"
        for name in columns
    )
    return f"""
        with amounts as (
            select source, period, currency, min(domain) as domain, {sums}
            from ({listed}) as listed group by source, period, currency
        ),
        days as (
            select source, period, domain, measured_days, estimated_days, missing_days, days_to_come, missing_dates,
                complete_date
            from finops_api.source_periods as months where {_SPAN} {of_sources} and ({_MEASURED})
        ),
        lines as (
            select source, coalesce(amounts.domain, days.domain) as domain, period, currency,
                coalesce(cost, 0) as cost, coalesce(trim_scale(cost - unallocated), 0) as allocated,
                coalesce(unallocated, 0) as unallocated, coalesce(estimated, 0) as estimated,
                coalesce(rejected, 0) as rejected, coalesce(rejected_lines, 0) as rejected_lines,
                coalesce(unpriced_lines, 0) as unpriced_lines, coalesce(set_apart, 0) as set_apart,
                measured_days, estimated_days, missing_days, days_to_come, missing_dates, complete_date
            from amounts full join days using (source, period)
        )
        select source, domain, to_char(period, 'YYYY-MM') as period,
            coalesce(currency, case when min(currency) over () = max(currency) over () then min(currency) over () end)
                as currency,
            cost, allocated, unallocated, estimated, rejected, rejected_lines, unpriced_lines, set_apart,
            measured_days, estimated_days, missing_days, days_to_come,
            {"array_to_string(missing_dates, ' ')" if text else "missing_dates"} as missing_dates,
            complete_date as complete_until
        from lines {"where currency is null or currency = any(%(currency)s)" if "currency" in filters else ""}
        order by lines.period, source collate "C", lines.currency"""


def gaps(*filters: str, after: bool = False, limited: bool = False) -> str:
    """What to mend: known amounts first, the largest of them first; then by the number of lines."""
    position = ", ".join(POSITION)
    values = ", ".join(
        f"cast(%(after_{number})s as numeric)" if number < len(POSITION) - len(_KEYS) else f"%(after_{number})s"
        for number in range(len(POSITION))
    )
    return f"""
        select source, domain, reason, subject, amount, currency, lines, "group", first_period, last_period, folded
            {", rank" if limited else ""}
        from (
            select source, domain, reason, subject, trim_scale(sum(amount)) as amount,
                case when sum(amount) is not null then currency end as currency,
                cast(sum(line_count) as bigint) as lines, group_id as "group",
                to_char(min(period), 'YYYY-MM') as first_period, to_char(max(period), 'YYYY-MM') as last_period,
                case when subject is null then cast(sum(subject_count) as bigint) end as folded,
                coalesce(-abs(trim_scale(sum(amount))), 'infinity') as rank
            from finops_api.visible_gaps where {_SPAN} {_filtered(*filters)}
            group by source, domain, reason, subject, visible_gaps.currency, group_id
        ) as listed {f"where ({position}) > ({values})" if after else ""}
        order by {position} {"limit %(limit)s" if limited else ""}"""
