-- A regex that does not compile would stop the build of the fact: say which it is instead.
select
    rule_id,
    pattern
from {{ ref('application_rules') }}
where match_type = 'regex' and not finops.is_regex(pattern)
