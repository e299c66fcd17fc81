package sipalg

import (
	"crypto/rand"
	"strings"
)

// randomToken names one OPTIONS to an ordinary server: its branch, tag and
// Call-ID. 26 lower-case letters and digits, 130 bits.
func randomToken() string { return strings.ToLower(rand.Text()) }
