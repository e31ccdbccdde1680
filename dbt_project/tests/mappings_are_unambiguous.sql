select
    provider_name,
    sku_id,
    case when sku_id is null then service_name end as service_name
from {{ ref('product_mappings') }}
group by provider_name, sku_id, case when sku_id is null then service_name end
having count(*) > 1
