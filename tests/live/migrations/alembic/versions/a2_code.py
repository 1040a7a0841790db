from alembic import op

revision = "a2"
down_revision = "a1"


BALANCE = """
CREATE FUNCTION alembic_balance(bigint) RETURNS numeric LANGUAGE sql STABLE
AS 'SELECT coalesce(sum(amount), 0) FROM alembic_entry WHERE account = $1'
"""


def upgrade():
    op.execute(BALANCE)
    op.execute("CREATE PROCEDURE alembic_close() LANGUAGE sql AS 'UPDATE alembic_account SET tags = NULL'")
    op.execute("CREATE VIEW alembic_summary AS SELECT id, alembic_balance(id) AS balance FROM alembic_account")
    with op.get_context().autocommit_block():
        op.create_index("alembic_by_account", "alembic_entry", ["account"], postgresql_concurrently=True)


def downgrade():
    op.drop_index("alembic_by_account")
    op.execute("DROP VIEW alembic_summary")
    op.execute("DROP PROCEDURE alembic_close()")
    op.execute("DROP FUNCTION alembic_balance(bigint)")
