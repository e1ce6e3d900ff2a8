-- A CDR is written once; its price alone may be changed, by the worker, when calls are re-rated (usecases/rerate_calls).
grant update (amount_micro, billed_s, destination, is_loss, explanation) on public.calls_cdr to carillon_worker;
