"""What must never be true of the books: a sum that is not zero, a hold without a call, a balance that is wrong."""

UNTRUTHS = {
    "ledger entries do not sum to zero": "select currency, sum(amount_micro) from billing_entry group by 1"
    " having sum(amount_micro) <> 0",
    "a hold outlives its call": "select call_id from billing_hold h join calls_call c on c.id = h.call_id"
    " where h.state = 'open' and c.state = 'rated'",
    "a balance is not the sum of its entries": "select a.id from billing_account a left join billing_entry e"
    " on e.account_id = a.id group by a.id having a.balance_micro <> coalesce(sum(e.amount_micro), 0)"
    " and a.kind in ('customer', 'partner')",
    "reserved is not the sum of open holds and windows": "select a.id from billing_account a"
    " where reserved_micro <> coalesce((select sum(amount_micro) from billing_hold h"
    " where h.account_id = a.id and h.state = 'open'), 0) + coalesce((select sum(granted_micro)"
    " from billing_creditwindow w where w.account_id = a.id), 0)",
    "reserved of a bundle is not what open holds have of it": "select a.id from catalogue_allowance a"
    " where reserved <> coalesce((select sum((b ->> 1)::bigint) from billing_hold h, jsonb_array_elements(h.bundles) b"
    " where h.state = 'open' and (b ->> 0)::bigint = a.id), 0)",
    "more is promised than there is": "select id from billing_account where kind in ('customer', 'partner')"
    " and balance_micro - reserved_micro - unposted_micro + credit_limit_micro < 0",
}
