"""What somebody is told who starts a service over a database that has no key yet."""

from service.clocks import utc_now
from service.settings import Settings, is_loopback
from service.storage.bootstrap import LIFETIME, is_without_keys, issue_bootstrap_key
from service.storage.database import open_database


def first_key_lines(settings: Settings, url: str) -> list[str]:
    """The first key, once, where only this machine can connect; elsewhere how to make one; else nothing.

    `url`: of the admin API.

    Raises:
        Unavailable: the database cannot be reached.
    """
    database = open_database(settings.database or "", utc_now)
    try:
        if not is_without_keys(database):
            return []
        is_alone = is_loopback(settings.host) and is_loopback(settings.admin_host)
        key = issue_bootstrap_key(database) if is_alone else None
    finally:
        database.close()
    if key is not None:
        hours = int(LIFETIME.total_seconds()) // 3600
        return [
            f"The first key, shown this once and good for {hours} hours (every role but approver):",
            f"  {key}",
            f"  curl -s {url}/admin/v1/me -H 'Authorization: Bearer {key}'",
        ]
    return [
        "There is no key yet. Make one where the database can be reached:",
        "  cordon keys create --database URL --name NAME --role operator",
    ]
