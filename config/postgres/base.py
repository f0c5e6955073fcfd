"""Django's PostgreSQL engine, which starts the embedded server and serves as the app role.

In DATABASES `{"ENGINE": "config.postgres", "EMBEDDED_VAR": folder}` starts and uses the embedded server of
that folder at the first connection; without EMBEDDED_VAR the usual keys name any other server.
"""

import logging
from pathlib import Path
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from django.db.utils import OperationalError
from psycopg.pq import TransactionStatus

from config.embedded.errors import EmbeddedError
from config.embedded.postgres import DATABASE, ensure_postgres
from config.postgres.roles import APP_ROLE, explain_refusal

logger = logging.getLogger(__name__)
# Finds no row, and so changes nothing, before the first migration has made the role.
ACT_AS_APP = f"SELECT set_config('role', rolname, false) FROM pg_roles WHERE rolname = '{APP_ROLE}'"  # noqa: S608
ACT_AS_OWNER = "RESET ROLE"
HAS_TABLES = "SELECT to_regclass('django_migrations') IS NOT NULL"


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that acts as the app role, except inside `config.postgres.roles.as_owner`."""

    def __init__(self, settings_dict: dict[str, Any], alias: str = DEFAULT_DB_ALIAS) -> None:
        if settings_dict.get("EMBEDDED_VAR") and settings_dict["NAME"] == "":
            settings_dict["NAME"] = DATABASE
        super().__init__(settings_dict, alias)
        self.owner_depth = 0

    def get_connection_params(self) -> dict[str, Any]:
        if var := self.settings_dict.get("EMBEDDED_VAR"):
            try:
                server = ensure_postgres(Path(var))
            except EmbeddedError as error:
                raise OperationalError(str(error)) from error
            self.settings_dict.update({key: server[key] for key in ("USER", "HOST", "PORT")})
        return super().get_connection_params()

    def init_connection_state(self) -> None:
        super().init_connection_state()
        self.act()

    def _rollback(self) -> None:
        super()._rollback()  # type: ignore[misc]  # not in the stubs
        self.act()  # the rollback took back what was set since the transaction began

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]
        self.act()

    def act(self) -> None:
        """Take the role now asked for; drop the connection rather than go on in another one."""
        if self.connection is None or self.connection.closed or self.alias == NO_DB_ALIAS:
            return
        if self.connection.info.transaction_status == TransactionStatus.INERROR:
            return  # nothing runs before the rollback, which comes back here
        try:
            with explain_refusal(self), self.wrap_database_errors:
                self._set_role()
        except BaseException:
            self.close()
            raise

    def _set_role(self) -> None:
        # On the bare connection: Django's cursors refuse to work while an atomic block awaits its rollback.
        idle = self.connection.info.transaction_status == TransactionStatus.IDLE
        changed = self.connection.execute(ACT_AS_OWNER if self.owner_depth else ACT_AS_APP)
        if not self.owner_depth and not changed.rowcount and self._has_tables():
            logger.warning("Role %s does not exist: acting as the owner. Run `manage.py migrate`.", APP_ROLE)
        if idle and not self.connection.autocommit:
            self.connection.commit()  # leave no transaction open where there was none

    def _has_tables(self) -> bool:
        """Tell whether anything was ever migrated; before that there is nothing to guard."""
        return self.connection.execute(HAS_TABLES).fetchone() == (True,)
