-- Every source and month that something landed for or that was published, and what changed since: what is due follows
-- from what its figures stand on, and never from a clock.
with landed as (

    select * from {{ ref('int_landed_scopes') }}

),

published as (

    select * from {{ source('finops', 'etl_published') }}

),

reference_data as (

    select * from {{ ref('int_scope_references') }}

),

lookups as (

    select * from {{ source('finops', 'etl_scope_lookups') }}

),

rates as (

    select * from {{ ref('int_fx_rates') }}
    where not is_assumed

),

late_rates as (

    select distinct
        lookups.source,
        lookups.period
    from lookups
    inner join rates on lookups.key = rates.from_currency and lookups.period = rates.period
    where lookups.kind = 'missing_rate'

),

scopes as (

    select
        coalesce(landed.source, published.source) as source,
        coalesce(landed.period, published.period) as period,
        -- published before digests were kept: what it stands on is not known, and waits for a reprocess
        coalesce(
            published.source is null or coalesce(landed.landed_digest, '') <> published.landed_digest, false
        ) as has_landed,
        late_rates.source is not null as has_late_rate,
        (
            published.source is not null
            and landed.source is not null
            and coalesce(reference_data.reference_digest, '') <> coalesce(published.reference_digest, '')
        ) as has_new_reference
    from landed
    full outer join published on landed.source = published.source and landed.period = published.period
    left join reference_data
        on published.source = reference_data.source and published.period = reference_data.period
    left join late_rates on published.source = late_rates.source and published.period = late_rates.period

)

select * from scopes
