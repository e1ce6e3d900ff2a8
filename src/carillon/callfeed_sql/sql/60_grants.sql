-- Who may use what. Nothing of callfeed is public.

revoke all on schema public from public;
revoke all on all functions in schema callfeed from public;

grant usage on schema callfeed to carillon_control, carillon_edge, carillon_worker;
grant select on callfeed.domain_doc, callfeed.endpoint_doc, callfeed.customer_doc, callfeed.user_doc,
    callfeed.extension_doc, callfeed.number_doc, callfeed.partner_doc, callfeed.gateway_doc, callfeed.route_doc,
    callfeed.blacklist_doc, callfeed.group_doc, callfeed.exchange_doc, callfeed.markup_doc, callfeed.tariff,
    callfeed.rate, callfeed.trunk, callfeed.abroad, callfeed.gateway_health to carillon_control;
grant select on all sequences in schema callfeed to carillon_control;
grant execute on function
    callfeed.document(text, text), callfeed.documents(text[], text[]), callfeed.tiers(bigint),
    callfeed.open_call(uuid, timestamptz, text, jsonb, bigint, bigint, timestamptz, jsonb, uuid, integer, jsonb),
    callfeed.open_bundled(uuid, timestamptz, text, jsonb, bigint, bigint, timestamptz, jsonb, uuid, integer, jsonb),
    callfeed.open_together(
        text, uuid, uuid[], timestamptz[], jsonb[], bigint[], bigint[], timestamptz[], jsonb[], integer[]
    ),
    callfeed.forward_call(uuid, jsonb, bigint, bigint, timestamptz, jsonb, uuid, integer, jsonb),
    callfeed.forward_bundled(uuid, jsonb, bigint, bigint, timestamptz, jsonb, uuid, integer, jsonb),
    callfeed.extend_bundle(uuid, bigint, timestamptz, jsonb, uuid, integer, jsonb), callfeed.seconds_left(bigint[]),
    callfeed.refuse_call(uuid, timestamptz, text, jsonb),
    callfeed.extend_hold(uuid, bigint, timestamptz, jsonb, uuid, integer),
    callfeed.release_hold(uuid), callfeed.abandon_call(uuid, timestamptz, text, jsonb),
    callfeed.record_all(jsonb), callfeed.rehearse(), callfeed.take_lease(text, uuid), callfeed.renew_lease(text, uuid),
    callfeed.grant_credit(text, uuid, bigint, bigint, bigint), callfeed.return_credit(text, uuid, bigint, bigint),
    callfeed.waiting_calls(), callfeed.calls_wait(), callfeed.calls_flow(), callfeed.free_channels(uuid[]),
    callfeed.record_traces(uuid[], bytea[]), callfeed.open_calls(text), callfeed.stray_dialogs(),
    callfeed.forget_dialog(uuid),
    callfeed.keep_bans(jsonb), callfeed.standing_bans(), callfeed.keep_health(jsonb),
    callfeed.spendable(bigint[]) to carillon_control;

grant select on callfeed.uacreg, callfeed.dialog, callfeed.dialog_vars to carillon_edge;
grant insert, delete on callfeed.dialog, callfeed.dialog_vars to carillon_edge;  -- which change nothing
grant execute on function callfeed.device(text, text), callfeed.record_events(text) to carillon_edge;

grant execute on function callfeed.record_event(uuid, text, bigint, text, jsonb), callfeed.has_dialog(uuid),
    callfeed.sweep_credit(), callfeed.waiting_calls(), callfeed.do_calls_wait() to carillon_worker;

-- who may spend an edge's credit windows is between control and callfeed's functions
revoke all on public.billing_edgelease from carillon_web, carillon_worker;

-- the portal and the jobs read registrations through public.endpoints_location alone
revoke all on schema edge from carillon_web, carillon_worker;
revoke all on edge.location from carillon_web, carillon_worker;
grant select on public.endpoints_location to carillon_web, carillon_worker;
