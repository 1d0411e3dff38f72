package config

// Example is a contract test of a tool.
type Example struct {
	Place `manifest:"-"`
	Name  string `manifest:"name" doc:"What it shows."`
}
