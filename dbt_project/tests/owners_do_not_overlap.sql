-- An application has one owner on a day.
select
    earlier.application_id,
    earlier.valid_from,
    later.valid_from as overlapping_from
from {{ ref('application_owners') }} as earlier
inner join {{ ref('application_owners') }} as later
    on
        upper(earlier.application_id) = upper(later.application_id)
        and earlier.ctid < later.ctid
        and daterange(earlier.valid_from, earlier.valid_to) && daterange(later.valid_from, later.valid_to)
