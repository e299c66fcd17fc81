package lab

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestHint_namesTheSettingThatForbidsNamespaces(t *testing.T) {
	for _, tc := range []struct {
		name    string
		sysctls map[string]string
		want    string
	}{
		{"none may be made", map[string]string{"user/max_user_namespaces": "0"}, "user.max_user_namespaces is 0"},
		{"Debian's old switch", map[string]string{"user/max_user_namespaces": "9", "kernel/unprivileged_userns_clone": "0"}, "kernel.unprivileged_userns_clone is 0"},
		{"Ubuntu's AppArmor", map[string]string{"kernel/apparmor_restrict_unprivileged_userns": "1"}, "kernel.apparmor_restrict_unprivileged_userns is 1"},
		{"nothing of the kind", map[string]string{"user/max_user_namespaces": "9"}, ""},
	} {
		if got := hint(func(path string) string { return tc.sysctls[path] }); strings.Trim(got, " ()") != tc.want {
			t.Errorf("%s: %q", tc.name, got)
		}
	}
}

func TestEnter_rootTriesItsOwnPowerFirst(t *testing.T) {
	if v := cloneVariants(0); len(v) != 2 || v[0]&unix.CLONE_NEWUSER != 0 || v[1]&unix.CLONE_NEWUSER == 0 {
		t.Errorf("root tries %#x", v)
	}
	if v := cloneVariants(1000); len(v) != 1 || v[0]&unix.CLONE_NEWUSER == 0 {
		t.Errorf("a user tries %#x", v)
	}
}

// A program started in the lab is in the lab and does not enter again. The
// variable that says so between two processes means nothing by itself.
func TestEnter_isNotFooledByAVariableSetByHand(t *testing.T) {
	needLab(t)
	inside, _, err := Enter(context.Background())
	if !inside || err != nil {
		t.Errorf("inside %v, %v", inside, err)
	}
	cmd := exec.Command("/proc/self/exe", "-test.v", "-test.run=^TestTheOfficeHasNoWayOut$")
	cmd.Env = append(withoutInside(os.Environ()), insideVar+"=3")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Errorf("%v: %s", err, out)
	}
}
