-- The outbox of webhooks: a message is written by the statement that writes the fact it tells of, in its transaction, so
-- that no fact is missed and none that was rolled back is told. What happens in a partner's own business is told to that
-- partner's webhooks alone, a sub-partner's own changes to whoever it buys from, tickets to both sides.
--
-- Facts are rows that are never changed: history (base_auditentry), CDRs, transfers, alerts; and whether a SIP endpoint is
-- registered. Runs as the owner: whoever acts need not see the webhooks of those above.

create or replace function public.carillon_publish(partner bigint, event text, source bigint) returns void
language sql security definer set search_path = public, pg_temp as
$$
  insert into notices_delivery (partner_id, webhook_id, message, event, source, body, state, attempts, error, answer,
                                tries, created_at, due_at, gives_up_at)
  select w.partner_id, w.id, gen_random_uuid(), event, source, '', 'waiting', 0, '', '', '[]',
         clock_timestamp(), clock_timestamp(), clock_timestamp() + interval '1 day'
  from notices_webhook w
  where w.partner_id = partner and w.is_enabled and event = any (w.events)
$$;
revoke all on function public.carillon_publish(bigint, text, bigint) from public, carillon_web, carillon_worker;

-- "customer.create" of history is the event customer.created
create or replace function public.carillon_event(action text) returns text
language sql immutable parallel safe as
$$
  select replace(split_part(action, '.', 1), 'pricelistversion', 'price_list') || '.' ||
    case split_part(action, '.', 2)
      when 'create' then 'created' when 'update' then 'changed' when 'remove' then 'removed'
      when 'active' then 'activated' when 'assign' then 'assigned' when 'unassign' then 'unassigned'
      when 'approve' then 'approved' when 'open' then 'opened' when 'reply' then 'replied' else split_part(action, '.', 2)
    end
$$;

create or replace function public.carillon_tell_webhooks() returns trigger
language plpgsql security definer set search_path = public, pg_temp as
$$
begin
  if not exists (select from notices_webhook where is_enabled) then
    return null;
  end if;
  case tg_table_name
  when 'base_auditentry' then
    perform carillon_publish(coalesce(p.parent_id, n.partner_id), carillon_event(n.action), n.id)
    from fresh n left join partners_partner p on n.object_type = 'partners.partner' and p.id = n.partner_id;
    -- a ticket belongs to who asks; who answers is told of it as well
    perform carillon_publish(t.answering_partner_id, carillon_event(n.action), n.id)
    from fresh n join support_ticket t on t.id = n.object_id::bigint and t.answering_partner_id <> n.partner_id
    where n.object_type = 'support.ticket';
  when 'calls_cdr' then
    perform carillon_publish(n.partner_id, 'call.ended', n.id) from fresh n where n.tier = 0 and not n.is_carrier_cost;
  when 'billing_transfer' then
    perform carillon_publish(n.partner_id, 'transaction.created', n.id) from fresh n;
  when 'notices_alert' then
    perform carillon_publish(n.partner_id, 'alert.' || n.kind, n.id) from fresh n;
  end case;
  return null;
end
$$;

create or replace function public.carillon_tell_registrations() returns trigger
language plpgsql security definer set search_path = public, pg_temp as
$$
begin
  if not exists (select from notices_webhook where is_enabled) then
    return null;
  end if;
  perform carillon_publish(
    e.partner_id, case when n.offline_since is null then 'endpoint.registered' else 'endpoint.lost' end, e.id)
  from fresh n join endpoints_endpoint e on e.id = n.endpoint_id;
  return null;
end
$$;

create or replace trigger webhooks_told after insert on public.base_auditentry
    referencing new table as fresh for each statement execute function public.carillon_tell_webhooks();
create or replace trigger webhooks_told after insert on public.calls_cdr
    referencing new table as fresh for each statement execute function public.carillon_tell_webhooks();
create or replace trigger webhooks_told after insert on public.billing_transfer
    referencing new table as fresh for each statement execute function public.carillon_tell_webhooks();
create or replace trigger webhooks_told after insert on public.notices_alert
    referencing new table as fresh for each statement execute function public.carillon_tell_webhooks();
create or replace trigger webhooks_told_new after insert on public.endpoints_reachability
    referencing new table as fresh for each statement execute function public.carillon_tell_registrations();
create or replace trigger webhooks_told after update on public.endpoints_reachability
    referencing new table as fresh for each statement execute function public.carillon_tell_registrations();
