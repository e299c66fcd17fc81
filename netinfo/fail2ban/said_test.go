package fail2ban

import (
	"fmt"
	"io/fs"
	"testing"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// What could not be read is told in the reader's language, the system's errors
// too.
func TestWhatANoteSays(t *testing.T) {
	book := words.NewBook(map[string][]byte{"jails": Words()})
	database := Note{What: because("database"), Why: whyOf(fmt.Errorf("opening it: %w", errNoBans))}
	log := Note{What: because("log", "log", "/var/log/asterisk/full"), Why: whyOf(&fs.PathError{Op: "open", Path: "/x", Err: fs.ErrPermission})}
	for _, c := range []struct {
		note Note
		lang words.Lang
		want string
	}{
		{database, words.English, "fail2ban's database: there is no table of bans in it"},
		{database, words.Russian, "база данных fail2ban: в ней нет таблицы блокировок"},
		{log, words.Russian, "журнал /var/log/asterisk/full: /x: нет прав доступа"},
	} {
		if got, err := book.Fill(c.lang, c.note.Reason().Text()); err != nil || got != c.want {
			t.Errorf("%q, %v, want %q", got, err, c.want)
		}
	}
}
