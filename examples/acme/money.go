package acme

import (
	"encoding/json"
	"fmt"
)

const currency = "EUR"

// cents is an amount of money in hundredths of a euro, never negative.
type cents int64

// String returns the decimal form, "189.00".
func (c cents) String() string { return fmt.Sprintf("%d.%02d", int64(c)/100, int64(c)%100) }

// MarshalJSON writes the exact integer, and beside it the form for people.
func (c cents) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Cents    int64  `json:"cents"`
		Amount   string `json:"amount"`
		Currency string `json:"currency"`
	}{int64(c), c.String(), currency})
}
