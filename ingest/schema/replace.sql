-- How a view or an aggregate is replaced while people read it (dbt_project/macros/replace.sql). dbt would drop the old one with
-- everything that reads it. Here nothing that is read is dropped: the old one is renamed, its readers are moved to the new
-- one, and it is dropped at the end of the run.

-- Whether PostgreSQL reads the query of a view, or of a materialized view, and another text as the same query. A comment
-- or a line break changes nothing.
create or replace function finops.has_query(relation regclass, query text) returns boolean language plpgsql as $$
declare
    is_same boolean;
begin
    execute 'create temporary view as_written as ' || query;
    is_same := pg_get_viewdef(to_regclass('pg_temp.as_written')) = pg_get_viewdef(relation);
    drop view pg_temp.as_written;
    return is_same;
end
$$;

-- Views of earlier versions whose models have another name now. They go on reading what they read, and are dropped at the end
-- of the first run.
create or replace function finops.retired_views() returns text [] language sql immutable as $$
    select array[
        'finops.mv_cost_group_month',
        'finops.mv_rejected_month',
        'finops.mv_set_apart_month',
        'finops_intermediate.int_artifactory_capacity',
        'finops_intermediate.int_cloudkitty_meter',
        'finops_intermediate.int_cube_meter',
        'finops_intermediate.int_declared_capacity',
        'finops_intermediate.int_declared_meter',
        'finops_intermediate.int_disk_capacity',
        'finops_intermediate.int_gitlab_capacity',
        'finops_intermediate.int_gitlab_ci_meter',
        'finops_intermediate.int_kubernetes_meter',
        'finops_intermediate.int_legacy_volume_capacity',
        'finops_intermediate.int_openstack_meter',
        'finops_intermediate.int_vm_capacity',
        'finops_staging.stg_artifactory__repositories',
        'finops_staging.stg_backstage__entities',
        'finops_staging.stg_cloudkitty__points',
        'finops_staging.stg_cmdb__disks',
        'finops_staging.stg_cmdb__legacy_volumes',
        'finops_staging.stg_cmdb__vms',
        'finops_staging.stg_cube__usages',
        'finops_staging.stg_declared__records',
        'finops_staging.stg_focus__charges',
        'finops_staging.stg_gitlab__projects',
        'finops_staging.stg_opencost__allocations',
        'finops_staging.stg_openstack__server_usages'
    ]
$$;

-- Put a new relation in the place of an old one, with its grants and its readers. The readers are locked first, in the
-- order in which a query locks them: the view, then what it reads (giving it the owner that it has changes nothing else).
-- A view in `own` that does not fit the new query keeps reading the old one, until this run or the next recreates it; for
-- any other view this is an error.
create or replace function finops.swap_relation(old regclass, new regclass, target name, own text []) returns void
language plpgsql as $$
declare
    known record;
    is_own boolean;
begin
    drop table if exists pg_temp.readers;
    create temporary table readers on commit drop as
    select distinct
        format('%I.%I', pg_namespace.nspname, pg_class.relname) as name,
        cast(cast(pg_class.relowner as regrole) as text) as owner,
        pg_class.relkind as kind,
        coalesce('with (' || array_to_string(pg_class.reloptions, ', ') || ')', '') as options,
        pg_get_viewdef(pg_class.oid) as definition
    from pg_depend
    inner join pg_rewrite on pg_depend.objid = pg_rewrite.oid
    inner join pg_class on pg_rewrite.ev_class = pg_class.oid
    inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
    where
        pg_depend.classid = 'pg_rewrite'::regclass
        and pg_depend.refclassid = 'pg_class'::regclass
        and pg_depend.refobjid = old
        and pg_class.oid <> pg_depend.refobjid
        and pg_class.relkind in ('v', 'm');
    for known in select * from readers where kind = 'v' order by name loop
        if not pg_has_role(known.owner, 'usage') then
            raise exception 'view % reads %, and belongs to %', known.name, target, known.owner
            using hint = format('drop it, and make it again after this run; or: grant %s to %s', known.owner, current_user);
        end if;
        execute format('alter view %s owner to %s', known.name, known.owner);
    end loop;
    for known in
        select
            privilege_type,
            case when grantee = 0 then 'public' else cast(cast(grantee as regrole) as text) end as grantee
        from pg_class, aclexplode(relacl) as acl
        where pg_class.oid = old and grantee <> relowner
    loop
        execute format('grant %s on %s to %s', known.privilege_type, new, known.grantee);
    end loop;
    execute format('alter table %s rename to %I', old, target || '__replaced_' || cast(old as oid));
    execute format('alter table %s rename to %I', new, target);
    for known in select * from readers loop
        is_own := known.name = any(own || finops.retired_views()) or known.name like '%\_\_replaced\_%';
        begin
            if known.kind = 'v' then
                execute format('create or replace view %s %s as %s', known.name, known.options, known.definition);
            elsif not is_own then
                raise undefined_column using message = 'a materialized view keeps its query';
            end if;
        exception when syntax_error_or_access_rule_violation then
            if not is_own then
                raise exception 'view % reads %, and can''t stand on its new query (%)', known.name, target, sqlerrm
                using hint = 'drop it, and make it again after this run';
            end if;
        end;
    end loop;
end
$$;

-- Swap relations without making readers wait. Readers queue behind whoever waits for a lock, so nobody waits: each attempt
-- asks for its locks for 50 ms, lets go of everything, and the next one comes half a second later, for 20 seconds. With a
-- `query`, the old relation is a view: it is replaced in place where it keeps its columns, else by a new view, `new`.
create or replace function finops.replace_relation(
    old regclass, new text, target name, own text [], query text default null
) returns void language plpgsql as $$
declare
    deadline timestamptz := clock_timestamp() + interval '20 seconds';
    -- as text, a regclass leaves out a schema of the search path, and the first one there need not be its own
    old_name text := (
        select format('%I.%I', nspname, relname)
        from pg_class inner join pg_namespace on relnamespace = pg_namespace.oid
        where pg_class.oid = old
    );
    old_owner oid := (select relowner from pg_class where oid = old);
begin
    perform set_config('lock_timeout', '50ms', true);
    loop
        begin
            begin
                if query is null then
                    raise invalid_table_definition;
                end if;
                execute format('create or replace view %s as %s', old_name, query);
            exception when invalid_table_definition or wrong_object_type then
                if query is not null then
                    execute format('create view %s as %s', new, query);
                end if;
                perform finops.swap_relation(old, new, target, own);
            end;
            return;
        exception
            when lock_not_available or deadlock_detected then
                if clock_timestamp() > deadline then
                    raise;
                end if;
            when insufficient_privilege then
                if pg_has_role(old_owner, 'usage') then
                    raise;
                end if;
                raise insufficient_privilege using message = format(
                    '%s belongs to %s: as an administrator, run `finops init-db`', old_name, pg_get_userbyid(old_owner)
                );
        end;
        perform pg_sleep(0.5);
    end loop;
end
$$;

-- Drop retired views and what replaced relations left behind, once nothing reads it any more. What a query still reads is dropped by a later
-- run: the caller sets a short lock_timeout.
create or replace function finops.drop_replaced() returns void language plpgsql as $$
declare
    known record;
    has_dropped boolean := true;
begin
    while has_dropped loop
        has_dropped := false;
        for known in
            select
                cast(cast(pg_class.oid as regclass) as text) as name,
                case relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end as kind
            from pg_class
            inner join pg_namespace on relnamespace = pg_namespace.oid
            where
                relkind in ('v', 'm', 'r')
                and (
                    relname like '%\_\_replaced\_%' and (nspname = 'finops' or starts_with(nspname, 'finops_'))
                    or nspname || '.' || relname = any(finops.retired_views())
                )
        loop
            begin
                execute format('drop %s %s', known.kind, known.name);
                has_dropped := true;
            exception when dependent_objects_still_exist or lock_not_available then
                null;
            end;
        end loop;
    end loop;
end
$$;

-- Make a view of dbt_project/models/api readable by the API's role. A security barrier keeps the functions of a query from
-- seeing a row before the view does; it is set where it is missing, since setting it waits for whoever reads the view. (The
-- schema is granted in setup.sql, once: two grants on it at a time fail.)
create or replace function finops.open_to_api(relation regclass) returns void language plpgsql as $$
begin
    if not exists (
        select from pg_class where oid = relation and 'security_barrier=true' = any(reloptions)
    ) then
        execute format('alter view %s set (security_barrier = true)', relation);
    end if;
    if exists (select from pg_roles where rolname = 'finops_api') then
        execute format('grant select on %s to finops_api', relation);
    end if;
end
$$;
