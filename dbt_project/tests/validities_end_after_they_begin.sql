select
    product_id as subject,
    valid_from,
    valid_to
from {{ ref('prices') }}
where valid_to <= valid_from
union all
select
    rule_id as subject,
    valid_from,
    valid_to
from {{ ref('application_rules') }}
where valid_to <= valid_from
union all
select
    application_id as subject,
    valid_from,
    valid_to
from {{ ref('application_owners') }}
where valid_to <= valid_from
