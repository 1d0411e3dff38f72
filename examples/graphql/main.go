// Command graphql is the service behind this example: as much of a GraphQL
// server as its three operations take.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// addr is where the manifest looks for the service.
const addr = "127.0.0.1:9009"

func main() {
	fmt.Println("the shop is at http://" + addr + "/graphql")
	server := http.Server{Addr: addr, Handler: shop(), ReadHeaderTimeout: 5 * time.Second}
	fmt.Fprintln(os.Stderr, server.ListenAndServe())
	os.Exit(1)
}

func shop() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /graphql", graphQL)
	return mux
}

// question is a GraphQL request over HTTP.
type question struct {
	Query         string         `json:"query"`
	OperationName string         `json:"operationName"`
	Variables     map[string]any `json:"variables"`
}

// reply is the answer to it.
type reply struct {
	Data   any       `json:"data"`
	Errors []mistake `json:"errors,omitempty"`
}

type mistake struct {
	Message string `json:"message"`
	Path    []any  `json:"path,omitempty"`
}

func graphQL(w http.ResponseWriter, r *http.Request) {
	var q question
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&q); err != nil {
		answer(w, reply{Errors: []mistake{{Message: "The request can't be read."}}})
		return
	}
	text := func(name string) string { v, _ := q.Variables[name].(string); return v }
	switch {
	case q.OperationName == "Customer":
		answer(w, customer(text("id")))
	case q.OperationName == "AddNote" && text("customer") != "c1":
		answer(w, reply{Errors: []mistake{{Message: "Only customers of this shop have notes.", Path: []any{"addNote"}}}})
	case q.OperationName == "AddNote":
		answer(w, reply{Data: map[string]any{"addNote": map[string]any{"number": "N-" + strconv.Itoa(len(text("text")))}}})
	case strings.Contains(q.Query, "products("):
		answer(w, products(text("word"), q.Variables["first"]))
	default:
		answer(w, reply{Errors: []mistake{{Message: "Unknown operation."}}})
	}
}

func customer(id string) reply {
	orders := []map[string]any{{"number": "O-7", "total": 12.5}}
	switch id {
	case "c1":
		return reply{Data: map[string]any{"customer": map[string]any{"name": "Ada", "tier": "gold", "orders": orders}}}
	case "c2": // a part of it can't be had
		return reply{
			Data:   map[string]any{"customer": map[string]any{"name": "Bert", "tier": "bronze", "orders": nil}},
			Errors: []mistake{{Message: "The order service is down.", Path: []any{"customer", "orders"}}},
		}
	}
	return reply{Data: map[string]any{"customer": nil}}
}

func products(word string, first any) reply {
	found := []map[string]string{}
	for _, p := range [][2]string{{"WRK-1", "Saw blade 300"}, {"WRK-2", "Saw blade 400"}, {"WRK-3", "Hammer"}} {
		if n, _ := first.(float64); strings.Contains(strings.ToLower(p[1]), strings.ToLower(word)) && len(found) < int(n) {
			found = append(found, map[string]string{"sku": p[0], "name": p[1]})
		}
	}
	return reply{Data: map[string]any{"products": found}}
}

func answer(w http.ResponseWriter, a reply) {
	w.Header().Set("Content-Type", "application/json")
	// An error says that the client has gone; what is encoded here always can be.
	_ = json.NewEncoder(w).Encode(a) //nolint:errchkjson // as said above
}
