with claims as (

    select * from {{ ref('unconfirmed_claims') }}

),

application_months as (

    select * from {{ ref('mv_cost_app_month') }}

),

group_months as (

    select * from {{ ref('mv_cost_group_period') }}

),

tree as (

    select * from {{ ref('mv_group_tree') }}

),

costs as (

    select
        'OTHER_OWNER' as claim,
        upper(application_id) as subject_key,
        period,
        currency,
        total_cost
    from application_months
    union all
    select
        'OTHER_PARENT' as claim,
        upper(tree.ancestor_key) as subject_key,
        group_months.period,
        group_months.currency,
        sum(group_months.total_cost) as total_cost
    from group_months
    inner join tree on group_months.group_id = tree.group_id
    group by 1, 2, 3, 4

),

latest as (

    select
        *,
        max(period) over (partition by claim, subject_key) as last_period
    from costs

),

conflicts as (

    select
        claims.claim,
        claims.subject_id,
        claims.holder_ref,
        claims.holder_group_id,
        claims.claimant_ref,
        claims.claimed_group_id,
        claims.claimed_on,
        latest.period,
        latest.currency,
        latest.total_cost
    from claims
    left join latest
        on
            claims.claim = latest.claim
            and upper(claims.subject_id) = latest.subject_key
            and latest.period = latest.last_period

)

select * from conflicts
