package acme

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// sales adds up one category in one quarter.
type sales struct {
	orders  int
	units   int
	revenue cents
	byName  map[string]int // units by product
}

type salesKey struct{ quarter, category string }

func (s *Service) salesReport(w http.ResponseWriter, _ *http.Request) error {
	var b bytes.Buffer
	out := csv.NewWriter(&b)
	sums := s.store.sumSales()
	keys := slices.SortedFunc(maps.Keys(sums), func(a, b salesKey) int {
		return cmp.Or(cmp.Compare(a.quarter, b.quarter), cmp.Compare(a.category, b.category))
	})
	records := make([][]string, 1, 1+len(keys))
	records[0] = []string{"quarter", "category", "orders", "units", "revenue_eur", "best_seller"}
	for _, k := range keys {
		sum := sums[k]
		records = append(records, []string{
			k.quarter, k.category, strconv.Itoa(sum.orders), strconv.Itoa(sum.units), sum.revenue.String(), sum.bestSeller(),
		})
	}
	if err := out.WriteAll(records); err != nil {
		return err
	}
	w.Header().Set("Content-Disposition", `inline; filename="sales.csv"`)
	writeBody(w, http.StatusOK, "text/csv; charset=utf-8; header=present", b.Bytes())
	return nil
}

// sumSales counts every order that isn't cancelled.
func (s *store) sumSales() map[salesKey]*sales {
	s.mu.RLock()
	defer s.mu.RUnlock()
	sums := map[salesKey]*sales{}
	for i := range s.orders.all {
		o := &s.orders.all[i]
		if o.Status == orderCancelled {
			continue
		}
		counted := map[salesKey]bool{}
		for _, it := range o.Items {
			key := salesKey{quarter(o.CreatedAt), s.products.find(it.SKU).Category}
			sum := sums[key]
			if sum == nil {
				sum = &sales{byName: map[string]int{}}
				sums[key] = sum
			}
			if !counted[key] {
				counted[key] = true
				sum.orders++
			}
			sum.units += it.Quantity
			sum.revenue += it.LineTotal
			sum.byName[it.Name] += it.Quantity
		}
	}
	return sums
}

// bestSeller returns the product with the most units, of equals the first by name.
func (s *sales) bestSeller() string {
	return slices.MinFunc(slices.Collect(maps.Keys(s.byName)), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.byName[b], s.byName[a]), cmp.Compare(a, b))
	})
}

func quarter(t time.Time) string {
	return fmt.Sprintf("%d-Q%d", t.Year(), (int(t.Month())+2)/3)
}
