package checks

// Account is a telephone account with which one real registration is made. It
// is not part of Inputs, because those are stored in the report.
type Account struct {
	User     string
	Domain   string
	Password Secret
}

// Secret holds a word that must not be shown: whatever prints or stores it
// prints or stores nothing of it.
type Secret struct{ word string }

// NewSecret wraps a word.
func NewSecret(word string) Secret { return Secret{word} }

// Reveal returns the word, for the one computation that needs it.
func (s Secret) Reveal() string { return s.word }

func (Secret) String() string { return "(hidden)" }

func (Secret) GoString() string { return "(hidden)" }

func (Secret) MarshalText() ([]byte, error) { return []byte("(hidden)"), nil }
