{#- Of what may be millions of subjects, the largest: the others are added up, so that the sums stay. -#}
{{ config(materialized='by_month', indexes=[{'columns': ['period']}, {'columns': ['group_id', 'period']}]) }}

-- The gaps of a scope are replaced with its relevés.
{% if not execute %}{% do ref('fact_releve') %}{% endif %}
with gaps as (

    select * from {{ ref('coverage_gaps') }}

),

placed as (

    select
        *,
        row_number() over (
            partition by period, group_id, domain, source, reason, currency
            order by abs(amount) desc nulls last, line_count desc, subject asc
        ) as place
    from gaps

),

folded as (

    select
        period,
        group_id,
        domain,
        source,
        reason,
        case when place <= 200 then subject end as subject,
        sum(amount) as amount,
        currency,
        cast(sum(line_count) as bigint) as line_count,
        count(*) as subject_count
    from placed
    group by 1, 2, 3, 4, 5, 6, 8

)

select * from folded
