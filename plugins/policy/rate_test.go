package policy

import (
	"errors"
	"regexp"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport-mcp/sallyport/plugins"
)

func TestRateIsRead(t *testing.T) {
	for text, want := range map[string]plugins.Rate{
		"60/min":          {Amount: 60, Period: int64(time.Minute), Burst: 10},
		"60/min burst 20": {Amount: 60, Period: int64(time.Minute), Burst: 20},
		"5/s":             {Amount: 5, Period: int64(time.Second), Burst: 3},
		"1/h":             {Amount: 1, Period: int64(time.Hour), Burst: 1},
		"10/h":            {Amount: 10, Period: int64(time.Hour), Burst: 5},
		"1000/min":        {Amount: 1000, Period: int64(time.Minute), Burst: 167},
		"1000000/s":       {Amount: 1e6, Period: int64(time.Second), Burst: 100_000},
	} {
		var r Rate
		if err := r.UnmarshalText([]byte(text)); err != nil || r.rate != want {
			t.Errorf("%q: %+v, %v; want %+v", text, r.rate, err, want)
		}
	}
}

func TestRateIsRefused(t *testing.T) {
	for text, want := range map[string]struct {
		offset int
		hint   string
	}{
		"":                  {0, "write e.g. 60/min"},
		"60":                {0, "write 60/min"},
		"-60":               {0, "write e.g. 60/min"},
		"often":             {0, "write e.g. 60/min"},
		"60/minute":         {3, "write 60/min"},
		"60/m":              {3, "write 60/min"},
		"5/sec burst 3":     {2, "write 5/s"},
		"60/day":            {3, "write e.g. 60/min"},
		"0/min":             {0, "write e.g. 60/min"},
		"-1/min":            {0, "write e.g. 60/min"},
		"1.5/s":             {0, "write e.g. 60/min"},
		"1000001/s":         {0, "write e.g. 60/min"},
		"60/min burst":      {7, "write e.g. 60/min burst 10"},
		"60/min burst 0":    {7, "write e.g. 60/min burst 10"},
		"60/min bursts 3":   {7, "write e.g. 60/min burst 10"},
		"60/min burst 1e3":  {7, "write e.g. 60/min burst 10"},
		"60/min burst 1 of": {7, "write e.g. 60/min burst 10"},
	} {
		var r Rate
		err, _ := errors.AsType[*plugins.FieldError](r.UnmarshalText([]byte(text)))
		if err == nil || err.Offset != want.offset || err.Hint != want.hint {
			t.Errorf("%q: %+v, want offset %d and hint %q", text, err, want.offset, want.hint)
		}
	}
}

func TestRateIsWrittenAsRead(t *testing.T) {
	pattern := regexp.MustCompile(Rate{}.JSONSchema()["pattern"].(string))
	rapid.Check(t, func(t *rapid.T) {
		period := rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour}).Draw(t, "period")
		r, err := MakeRate(rapid.Int64Range(1, 1e6).Draw(t, "amount"), period, rapid.Int64Range(0, 1000).Draw(t, "burst"))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := r.MarshalText()
		var again Rate
		if err := again.UnmarshalText(text); err != nil || again.rate != r.rate || again.String() != r.String() {
			t.Fatalf("%s became %v, %v", text, again, err)
		}
		if !pattern.Match(text) {
			t.Fatalf("the schema's pattern refuses %q", text)
		}
	})
}

func TestDefaultBurstIsNeverAWholeRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.Int64Range(1, 1e6).Draw(t, "amount")
		// In a stretch of one period burst+amount-1 pass at most.
		if burst := defaultBurst(amount); burst < 1 || 2*(burst-1) > amount {
			t.Fatalf("burst %d of %d", burst, amount)
		}
	})
}

func FuzzRate(f *testing.F) {
	f.Add("60/min burst 10")
	f.Add("1/h")
	f.Fuzz(func(t *testing.T, text string) {
		var r Rate
		if err := r.UnmarshalText([]byte(text)); err == nil {
			if r.rate.Amount < 1 || r.rate.Burst < 1 || r.rate.Period < 1 {
				t.Fatalf("%q is %+v", text, r.rate)
			}
			return
		}
		err, ok := errors.AsType[*plugins.FieldError](r.UnmarshalText([]byte(text)))
		if !ok || err.Offset < 0 || err.Offset > len(text) {
			t.Fatalf("%q: place %+v", text, err)
		}
	})
}
