-- Every mail in every language for each partner and each of its web products, with the text of its own where it has one.
-- Whoever asks sees what the walls of the tables below let through. Altering columns under a view is refused: before a
-- migration `apply_sql --drop` drops it.

create view public.notices_mailtext with (security_invoker = true) as
with place as (
    select id as partner_id, null::bigint as web_product_id, id * 2000 as base, name from public.partners_partner
    union all
    select partner_id, id, id * 2000 + 1000, name from public.brands_webproduct
)
select p.base + e.position * 10 + c.position as id,
       p.partner_id,
       p.web_product_id,
       p.name as owner,
       e.event,
       c.culture,
       t.id as template_id,
       t.subject,
       t.text,
       i.subject as inherited_subject,
       i.text as inherited_text
from place p
cross join (values ('alert', 0), ('password_reset', 1)) as e (event, position)
cross join (values ('en', 0), ('es', 1)) as c (culture, position)
left join public.notices_mailtemplate t
    on t.partner_id = p.partner_id and t.web_product_id is not distinct from p.web_product_id
    and t.event = e.event and t.culture = c.culture
left join public.notices_mailtemplate i
    on p.web_product_id is not null and i.partner_id = p.partner_id and i.web_product_id is null
    and i.event = e.event and i.culture = c.culture;

grant select on public.notices_mailtext to carillon_web, carillon_worker;
