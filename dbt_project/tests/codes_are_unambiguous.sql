-- Codes are matched without case: two that differ by it alone, or an alias that is also a code, would count twice.
select upper(code) as code
from (
    select application_id as code from {{ ref('applications') }}
    union all
    select alias as code from {{ ref('application_aliases') }}
) as codes
group by upper(code)
having count(*) > 1
