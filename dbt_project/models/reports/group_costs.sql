with months as (

    select * from {{ ref('mv_cost_group_period') }}

),

team_groups as (

    select * from {{ ref('mv_group') }}

),

tree as (

    select * from {{ ref('mv_group_tree') }}

),

costs as (

    select
        months.period,
        team_groups.group_id,
        team_groups.group_name,
        team_groups.parent_group_id,
        months.currency,
        coalesce(sum(months.total_cost) filter (where tree.depth = 0), 0) as own_cost,
        sum(months.total_cost) as total_cost,
        sum(months.estimated_cost) as estimated_cost
    from months
    inner join tree on months.group_id = tree.group_id
    inner join team_groups on tree.ancestor_key = team_groups.group_key
    group by 1, 2, 3, 4, 5

)

select * from costs
