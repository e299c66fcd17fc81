// Package docs holds the documents that the program hands out itself.
package docs

import _ "embed"

// ReportSchema is the JSON Schema of reports.
//
//go:embed report.schema.json
var ReportSchema string

// ProfileSchema is the JSON Schema of provider profiles.
//
//go:embed profile.schema.json
var ProfileSchema string
