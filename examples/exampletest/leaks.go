package exampletest

import (
	"testing"

	"go.uber.org/goleak"
)

// Main runs the tests of a package and demands that they leave no goroutine
// behind. Two of fasthttp's end by themselves seconds later.
func Main(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}
