-- Totals never depend on the mapping: what nobody claims needs a row of its own.
select 'UNALLOCATED' as missing
where 'UNALLOCATED' not in (select applications.application_id from {{ ref('applications') }} as applications)
