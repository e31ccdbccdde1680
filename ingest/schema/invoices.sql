-- What a provider says of its billing periods (FOCUS 1.4, Billing Period), as its files last had it.
create table if not exists finops.etl_billing_periods (
    source text not null,
    period date not null,
    invoice_issuer_name text not null,
    status text not null,
    updated_at timestamptz,
    run_id uuid not null references finops.etl_runs,
    primary key (source, period, invoice_issuer_name)
);

-- Whether a bill still changes, where its provider says so: of several invoice issuers, the last one closes it.
create or replace view finops.etl_bill_status as
select
    source,
    period,
    not bool_and(lower(status) = 'closed') as is_open
from finops.etl_billing_periods
where lower(status) in ('open', 'closed')
group by source, period;

-- The lines of invoices (FOCUS 1.4, Invoice Detail), as the files last had those of the billing period.
create table if not exists finops.etl_invoice_details (
    source text not null,
    period date not null,
    invoice_issuer_name text not null,
    invoice_id text not null,
    invoice_detail_id text not null,
    description text,
    charge_category text,
    billed_cost numeric not null,
    billing_currency text not null,
    issue_status text,
    issued_at timestamptz,
    updated_at timestamptz,
    run_id uuid not null references finops.etl_runs,
    primary key (source, period, invoice_issuer_name, invoice_id, invoice_detail_id)
);
