package linuxrouter

import (
	"testing"

	"github.com/sipdoctor/sipdoctor/checks/checktest/judged"
)

func TestWhatTheJudgeSays(t *testing.T) { judged.Check(t, Check()) }
