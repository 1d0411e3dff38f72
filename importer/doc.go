// Package importer writes manifests from what describes a service elsewhere:
// OpenAPI documents, curl command lines and Postman collections. What it writes
// loads unchanged, reads as if a careful person had written it, and never holds
// a secret: credentials become environment variables.
//
// Update merges a newer document into a manifest that people have edited.
package importer
