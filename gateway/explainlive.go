package gateway

import (
	"encoding/json"
	"fmt"
)

// explainOver explains on behalf of POST /explain, whose body is an Inquiry.
func (g *Gateway) explainOver(body []byte) (any, error) {
	var q Inquiry
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, fmt.Errorf("want an object with the name of what to explain: %w", err)
	}
	return g.Inquire(&q)
}

// planOver compares on behalf of POST /plan; with an error it tells what stays
// in force.
func (g *Gateway) planOver() (any, error) {
	c, err := g.Plan()
	if err != nil {
		return g.Generation(), err
	}
	return c, nil
}
