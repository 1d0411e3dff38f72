package e2e

import "testing"

// replicas is how many gateways stand behind a balancer.
const replicas = 2

// balancers are the ways to spread what comes in over gateways.
func balancers() map[string]func(*testing.T, []gateway) string {
	return map[string]func(*testing.T, []gateway) string{
		"by request": balanceRequests, "by connection": balanceConnections,
	}
}

// TestReplicas has every client do everything against two gateways that share
// nothing but their keys.
func TestReplicas(t *testing.T) {
	t.Parallel()
	for name, front := range balancers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := deploy(t, replicas, front)
			visitAll(t, d, goChecks())
			runNodeClients(t, d)
		})
	}
}

// TestConformanceOfReplicas runs the whole suites against two gateways.
func TestConformanceOfReplicas(t *testing.T) {
	t.Parallel()
	for name, front := range balancers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runSuites(t, startConformance(t, replicas, front))
		})
	}
}
