package routeros

import (
	"testing"

	"github.com/sipdoctor/sipdoctor/checks/checktest/judged"
)

func TestWhatTheJudgeSays(t *testing.T) { judged.Sample(t, Check(), 20) }
