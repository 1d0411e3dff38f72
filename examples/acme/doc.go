// Package acme is the REST service of Acme Outfitters, an invented shop for
// tools and outdoor goods. `sallyport demo` starts it, and examples and tests
// use it as an upstream. It is a real HTTP server over about 4,600 rows that
// are generated the same way every time; what clients change lives in memory.
//
// # Routes
//
//	GET   /customers                ?prefix= (of id, name or email) &tier=gold|silver|bronze &limit= &cursor=
//	GET   /customers/{id}           404
//	PATCH /customers/{id}           {name, email, phone, tier}; 404, 409 email taken, 422
//	GET   /customers/{id}/orders    newest first; ?status= &limit= &cursor=; 404
//	GET   /orders                   newest first; ?status= &from= &to= (dates or RFC 3339) &limit= &cursor=
//	POST  /orders                   {customer_id, items: [{sku, quantity}], note}; 201, 409 out of stock, 422
//	GET   /orders/{id}              404
//	POST  /orders/{id}/cancel       404, 409 once shipped
//	GET   /products                 ?category= &prefix= (of sku or name) &limit= &cursor=
//	GET   /products/{sku}           404
//	GET   /products/{sku}/stock     404
//	GET   /products/{sku}/image     image/png; 404
//	POST  /payments                 {customer_id or order_id, amount_cents, method}; 201, 402, 409, 422
//	GET   /payments/{id}            404
//	POST  /payments/{id}/refund     {amount_cents, reason}, both optional; 404, 409, 422
//	GET   /tickets                  newest first; ?status= &customer_id= &limit= &cursor=
//	POST  /tickets                  {customer_id, subject, body, priority, order_id}; 201, 422
//	GET   /tickets/{id}             404
//	POST  /tickets/{id}/comments    {author, body}; 201, 404, 409 closed, 422
//	GET   /invoices/{order_id}.xml  application/xml; 404
//	GET   /reports/sales.csv        text/csv, a header and 30 or more records
//	GET   /status.html              text/html
//	GET   /legacy/latin1.txt        text/plain in ISO-8859-1
//	GET   /slow                     ?ms= (default 1000, at most 60000); ends early when the client hangs up
//	GET   /flaky                    503 with Retry-After for the first of every three; ?retry_after= seconds
//	GET   /broken                   500 with a body that must never reach a client
//	GET   /empty                    204
//	GET   /health                   200
//
// # Conventions
//
// Lists answer {"data": [...], "next_cursor": "..." or null} and, where there
// is more, a Link header with rel="next" (RFC 8288). limit is 1 to 100,
// default 20. Errors are application/problem+json (RFC 9457); a 422 has an
// errors list of {detail, pointer}. Single resources carry ETag and
// Last-Modified and answer 304 to a matching If-None-Match. Money is
// {"cents": 18900, "amount": "189.00", "currency": "EUR"}.
//
// What POST makes (orders, payments, tickets, comments) honours Idempotency-Key:
// the same key and body answers what the first one made. POST /orders also takes
// the note from an X-Note header.
//
// Time stands still at [Epoch], and every write is one second later than the
// one before, so the same requests give the same bytes on every machine.
package acme
