{{ config(indexes=[
    {'columns': ['group_id', 'product_id', 'domain', 'family', 'source'], 'unique': true}
]) }}

with releves as (

    select * from {{ ref('fact_releve') }}

),

owners as (

    select * from {{ ref('dim_application_owner') }}

),

products as (

    select * from {{ ref('dim_product') }}

),

consumed as (

    select
        coalesce(owners.group_id, 'unallocated') as group_id,
        releves.domain,
        releves.family,
        releves.product_id,
        releves.source,
        min(releves.period) as first_period,
        max(releves.period) as last_period
    from releves
    left join owners
        on
            releves.application_id = owners.application_id
            and finops.owned_in_month(releves.period, owners.valid_from, owners.valid_to)
    group by 1, 2, 3, 4, 5

),

named as (

    select
        consumed.*,
        coalesce(products.product_name, consumed.product_id) as product_name
    from consumed
    left join products on consumed.product_id = products.product_id

)

select * from named
