"""The ledger's own guard: at commit the entries of a transfer sum to zero in every currency, in accounts of that currency."""

from __future__ import annotations

from django.db import migrations

CREATE = """
create function public.billing_check_balanced() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    wrong record;
begin
    select e.currency, sum(e.amount_micro) as total into wrong
    from public.billing_entry e where e.transfer_id = new.transfer_id
    group by e.currency having sum(e.amount_micro) <> 0 limit 1;
    if found then
        raise exception 'The entries of transfer % differ by % micro-units in %.', new.transfer_id, wrong.total,
            wrong.currency using errcode = 'check_violation', constraint = 'entries_sum_to_zero';
    end if;
    perform from public.billing_account a where a.id = new.account_id and a.currency <> new.currency;
    if found then
        raise exception 'An entry in % can''t be posted to account % of another currency.', new.currency,
            new.account_id using errcode = 'check_violation', constraint = 'entry_in_currency_of_account';
    end if;
    return null;
end
$$;
revoke all on function public.billing_check_balanced() from public;
create constraint trigger entries_sum_to_zero after insert or update on public.billing_entry
    deferrable initially deferred for each row execute function public.billing_check_balanced();
"""

DROP = """
drop trigger entries_sum_to_zero on public.billing_entry;
drop function public.billing_check_balanced();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]

    operations = [migrations.RunSQL(CREATE, DROP)]
