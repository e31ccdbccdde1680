select
    id,
    domain
from {{ ref('fact_releve') }}
where
    {{ published_by_this_run() }}
    and domain not in ('{{ setting('domains') | join("', '") }}')
