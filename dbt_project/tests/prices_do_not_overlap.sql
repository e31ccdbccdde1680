-- Two prices on one day would count a quantity twice.
select
    earlier.product_id,
    earlier.valid_from,
    later.valid_from as overlapping_from
from {{ ref('prices') }} as earlier
inner join {{ ref('prices') }} as later
    on
        earlier.product_id = later.product_id
        and earlier.ctid < later.ctid
        and daterange(earlier.valid_from, earlier.valid_to) && daterange(later.valid_from, later.valid_to)
