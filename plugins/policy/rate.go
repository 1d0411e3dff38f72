package policy

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
)

const (
	maxBurst     = 100_000
	maxPerSecond = 1_000_000
)

// Rate is a rate as a manifest writes it: "60/min", also "/s" and "/h", and
// "60/min burst 10".
type Rate struct {
	rate     plugins.Rate
	unit     string
	explicit bool // the burst was written
}

// MakeRate makes a rate of so many units a period, of which burst may pass at
// once; a burst of zero stands for the default. The period is a second, a
// minute or an hour.
func MakeRate(amount int64, period time.Duration, burst int64) (Rate, error) {
	unit, ok := "", false
	for _, u := range []string{"s", "min", "h"} {
		if unitPeriod(u) == period {
			unit, ok = u, true
		}
	}
	if !ok {
		return Rate{}, errors.New("want a period of a second, a minute or an hour")
	}
	if amount < 1 || amount > maxPerSecond*int64(period/time.Second) || burst < 0 || burst > maxBurst {
		return Rate{}, errors.New("the amount or the burst is out of range")
	}
	explicit := burst > 0
	if !explicit {
		burst = defaultBurst(amount)
	}
	return Rate{rate: plugins.Rate{Amount: amount, Period: int64(period), Burst: burst}, unit: unit, explicit: explicit}, nil
}

// defaultBurst is a sixth of the amount (ten seconds' worth of a rate per
// minute), yet five if the amount is small, since models make several calls
// side by side; and never more than half of it. So in no period does more
// than one and a half times the amount pass.
func defaultBurst(amount int64) int64 {
	return min(max((amount+5)/6, min(5, (amount+1)/2)), maxBurst)
}

// UnmarshalText reads a rate as a manifest writes it.
func (r *Rate) UnmarshalText(text []byte) error {
	s := string(text)
	slash := strings.IndexByte(s, '/')
	if slash < 0 {
		return rateError(0, "want an amount and a period, such as 60/min", amountHint(s))
	}
	rest := s[slash+1:]
	unit, tail, _ := strings.Cut(rest, " ")
	period := unitPeriod(unit)
	if period == 0 {
		return rateError(slash+1, "want a rate per s, min or h, found "+strconv.Quote(unit), unitHint(s[:slash], unit))
	}
	amount, err := strconv.ParseInt(s[:slash], 10, 64)
	if err != nil || amount < 1 || amount > maxPerSecond*int64(period/time.Second) {
		return rateError(0, "want a whole amount of at least 1 and at most 1000000 a second", "write e.g. 60/min")
	}
	var burst int64
	if tail != "" {
		if burst, err = parseBurst(tail); err != nil {
			return rateError(slash+1+len(unit)+1, err.Error(), "write e.g. "+s[:slash]+"/"+unit+" burst 10")
		}
	}
	made, err := MakeRate(amount, period, burst)
	if err != nil {
		return rateError(0, err.Error(), "")
	}
	*r = made
	return nil
}

// parseBurst reads "burst 10".
func parseBurst(s string) (int64, error) {
	fields := strings.Fields(s)
	if len(fields) != 2 || fields[0] != "burst" {
		return 0, errors.New("want nothing or a burst after the rate")
	}
	n, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil || n < 1 || n > maxBurst {
		return 0, errors.New("want a whole burst of at least 1 and at most " + strconv.Itoa(maxBurst))
	}
	return n, nil
}

func rateError(offset int, message, hint string) error {
	return &plugins.FieldError{Message: message, Hint: hint, Offset: offset}
}

// unitPeriod returns the period of a unit; zero if there is no such unit.
func unitPeriod(unit string) time.Duration {
	switch unit {
	case "s":
		return time.Second
	case "min":
		return time.Minute
	case "h":
		return time.Hour
	}
	return 0
}

// amountHint completes an amount that stands alone.
func amountHint(text string) string {
	amount := strings.TrimSpace(text)
	if n, err := strconv.ParseInt(amount, 10, 64); err != nil || n < 1 {
		return "write e.g. 60/min"
	}
	return "write " + amount + "/min"
}

// unitHint proposes the unit that was meant.
func unitHint(amount, unit string) string {
	switch strings.ToLower(strings.TrimSpace(unit)) {
	case "s", "sec", "secs", "second", "seconds":
		return "write " + amount + "/s"
	case "m", "min", "mins", "minute", "minutes":
		return "write " + amount + "/min"
	case "h", "hr", "hour", "hours":
		return "write " + amount + "/h"
	}
	return "write e.g. 60/min"
}

// String writes the rate with its burst; equal rates are equal texts.
func (r Rate) String() string {
	return strconv.FormatInt(r.rate.Amount, 10) + "/" + r.unit + " burst " + strconv.FormatInt(r.rate.Burst, 10)
}

// MarshalText writes the rate as UnmarshalText reads it.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// words writes the rate of something for people: "30 calls per minute".
func (r Rate) words(one, many string) string {
	period := map[string]string{"s": "second", "min": "minute", "h": "hour"}[r.unit]
	if r.rate.Amount == 1 {
		many = one
	}
	return strconv.FormatInt(r.rate.Amount, 10) + " " + many + " per " + period
}

// JSONSchema describes how a rate is written.
func (Rate) JSONSchema() map[string]any {
	return map[string]any{
		"type":     "string",
		"pattern":  `^[1-9][0-9]*/(s|min|h)( +burst +[1-9][0-9]*)?$`,
		"examples": []any{"60/min", "60/min burst 10"},
	}
}
