-- Refuse to change or delete rows: a trigger `before update or delete … for each row` of tables that are a record of what
-- happened. Its arguments are the values of `status` in which a row has not ended, and may still be updated. The owner of the
-- table is let through: the functions that may do more run as finops_owner, and check what they do. Where one login owns
-- everything (without `finops init-db`), this holds nobody back.
create or replace function finops.append_only() returns trigger language plpgsql
set search_path = pg_catalog, pg_temp as $$
declare
    is_open boolean := tg_op = 'UPDATE' and tg_nargs > 0 and to_jsonb(old) ->> 'status' = any(tg_argv);
begin
    if not is_open and not pg_has_role(current_user, (select relowner from pg_class where oid = tg_relid), 'usage') then
        raise insufficient_privilege using
            message = format(
                '%s may not %s a row of %I.%I%s: it is only added to',
                current_user, lower(tg_op), tg_table_schema, tg_table_name,
                case when tg_nargs > 0 then ' that has ended' end
            );
    end if;
    return case tg_op when 'DELETE' then old else new end;
end
$$;
