package fragments_test

import (
	"context"

	"github.com/sipdoctor/sipdoctor/checks/checktest/farend"
	"github.com/sipdoctor/sipdoctor/checks/fragments"
)

// seen is the outcome of one run.
type seen struct {
	fragments.Facts
	farend.Seen
}

func run(ctx context.Context, n *farend.Office) seen {
	s := seen{Seen: n.Run(ctx, fragments.Check())}
	s.Facts, _ = s.Result.Facts.(fragments.Facts)
	return s
}
