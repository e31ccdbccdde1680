-- What the reference data says today of all that a published (source, month) stands on, as a digest: it changes when
-- one of the answers does, and not when some other application, product or month is added.
with answers as (

    select
        source,
        period,
        answer
    from {{ ref('int_lookup_answers') }}

    union all

    select
        source,
        period,
        answer
    from {{ ref('int_source_answers') }}

),

digests as (

    select
        source,
        period,
        md5(string_agg(answer, e'\n' order by answer collate "C")) as reference_digest
    from answers
    group by source, period

)

select * from digests
