package cmd_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sallyport-mcp/sallyport/cmd"
	"github.com/sallyport-mcp/sallyport/examples/acme"
	"github.com/sallyport-mcp/sallyport/plugins/standard"
)

// asSallyport makes the test binary a sallyport: what is tested are real
// processes.
const asSallyport = "SALLYPORT_TEST_MAIN"

func run() int { return cmd.Main(standard.Parts(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr) }

func TestMain(m *testing.M) {
	if os.Getenv(asSallyport) != "" {
		os.Exit(run())
	}
	testscript.Main(m, map[string]func(){"sallyport": func() { os.Exit(run()) }})
}

// process is the command line of a sallyport process.
func process(args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), asSallyport+"=1")
	return c
}

// newJobs is a service whose answers take a while: a job is asked for twice
// before it is done.
func newJobs() http.Handler {
	var made atomic.Int64
	var asked sync.Map
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.Header().Set("Location", fmt.Sprintf("/jobs/%d", made.Add(1)))
			w.WriteHeader(http.StatusAccepted)
			return
		}
		if _, again := asked.LoadOrStore(r.URL.Path, true); !again {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"done":true}`))
	})
}

// TestScripts plays testdata/script: commands and what they print.
func TestScripts(t *testing.T) {
	service, err := acme.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = service.Close(t.Context()) })
	jobs := httptest.NewServer(newJobs())
	t.Cleanup(jobs.Close)
	documented := httptest.NewServer(newDocumented())
	t.Cleanup(documented.Close)
	quickstart, err := filepath.Abs("../examples/quickstart")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("ACME_URL", service.URL())
			e.Setenv("JOBS_URL", jobs.URL)
			e.Setenv("DOCUMENT_URL", documented.URL)
			e.Setenv("QUICKSTART", quickstart)
			e.Setenv("FIRST_CUSTOMER", acme.FirstCustomer)
			return nil
		},
		RequireExplicitExec: true,
		UpdateScripts:       *update,
	})
}
