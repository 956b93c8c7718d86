"""Where a play that a test writes finds the lab's plugins: it has no ansible.cfg and no role."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = {
    "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "plugins/callback"),
    "ANSIBLE_ACTION_PLUGINS": str(ROOT / "roles/rootfs_verification/action_plugins"),
    "ANSIBLE_LIBRARY": str(ROOT / "roles/rootfs_verification/library"),
}
