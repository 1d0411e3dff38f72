// Command csv-report is the service behind this example: a report in CSV, with
// semicolons, quotes and a byte order mark, as spreadsheets write it.
package main

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"
)

// addr is where the manifest looks for the service.
const addr = "127.0.0.1:9007"

func main() {
	fmt.Println("the reports are at http://" + addr)
	server := http.Server{Addr: addr, Handler: reports(), ReadHeaderTimeout: 5 * time.Second}
	fmt.Fprintln(os.Stderr, server.ListenAndServe())
	os.Exit(1)
}

func reports() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sales.csv", sales)
	return mux
}

// sales answers three rows a day.
func sales(w http.ResponseWriter, r *http.Request) {
	year, err := strconv.Atoi(r.URL.Query().Get("year"))
	if err != nil {
		http.Error(w, "year is missing", http.StatusBadRequest)
		return
	}
	month := r.URL.Query().Get("month")
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	out := csv.NewWriter(w)
	out.Comma = ';'
	rows := [][]string{{"\ufeffdate", "shop", "pieces", "euros", "remark"}}
	for day := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() == year; day = day.AddDate(0, 0, 1) {
		if month != "" && month != strconv.Itoa(int(day.Month())) {
			continue
		}
		for i, shop := range []string{"Graz", "Linz; Hauptplatz", "Wien"} {
			pieces := 3 + (day.YearDay()*(i+2))%17
			remark := ""
			if day.YearDay()%90 == 0 {
				remark = `closed at noon, "inventory"`
			}
			rows = append(rows, []string{day.Format(time.DateOnly), shop, strconv.Itoa(pieces), fmt.Sprintf("%.2f", float64(pieces)*19.9), remark})
		}
	}
	// An error says that the client has gone.
	_ = out.WriteAll(rows)
}
