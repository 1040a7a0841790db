//! Privileges and objects.

use insta::assert_snapshot;

use super::of_role;

#[test]
fn privileges() {
    assert_snapshot!(of_role("grants:
  - { privileges: [SELCT], object: 'table public.t' }
  - { privileges: [EXECUTE], object: 'table public.t' }
  - { privileges: [ALL], object: 'view public.v' }
  - { privileges: [all privileges], object: 'sequence public.s' }
  - { privileges: [DELETE], object: 'column public.t(a)' }
  - { privileges: [USAGE], object: 'all tables in schema public' }
  - { privileges: [SELECT], object: 'function public.f()' }
  - { privileges: [INSERTT, UPDATE], object: 'tabel public.t' }
  - { privileges: [], object: 'aggregate public.a(*)' }
"), @"
    p.yaml:9:24: unknown privilege `SELCT` on a table
      hint: did you mean SELECT?
    p.yaml:10:24: `EXECUTE` does not exist on a table
      hint: the privileges of a table: SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER, MAINTAIN
    p.yaml:11:24: `ALL` is not least privilege: it grows with the server's version
      hint: name what is needed; the privileges of a view: SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER, MAINTAIN
    p.yaml:12:24: `all privileges` is not least privilege: it grows with the server's version
      hint: name what is needed; the privileges of a sequence: SELECT, UPDATE, USAGE
    p.yaml:13:24: `DELETE` does not exist on a column
      hint: the privileges of a column: SELECT, INSERT, UPDATE, REFERENCES; rows are deleted from a whole table
    p.yaml:14:24: `USAGE` does not exist on all tables
      hint: the privileges of all tables: SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER, MAINTAIN; USAGE is of schemas, sequences and types
    p.yaml:15:24: `SELECT` does not exist on a function
      hint: the privileges of a function: EXECUTE
    p.yaml:16:24: unknown privilege `INSERTT`
      hint: did you mean INSERT?
    p.yaml:16:50: unknown kind of object in `tabel public.t`
      hint: did you mean `table`?
    p.yaml:17:23: no privilege is listed
      hint: the privileges of an aggregate: EXECUTE
    ");
}

#[test]
fn objects() {
    assert_snapshot!(of_role(r#"grants:
  - { privileges: [SELECT], object: 'tabel public.t' }
  - { privileges: [SELECT], object: 'public.t' }
  - { privileges: [SELECT], object: 'table t' }
  - { privileges: [SELECT], object: 'table a.b.c' }
  - { privileges: [SELECT], object: 'table' }
  - { privileges: [SELECT], object: 'table public.t; drop' }
  - { privileges: [SELECT], object: 'table public."t' }
  - { privileges: [SELECT], object: 'table public.t, public.u' }
  - { privileges: [SELECT], object: 'table public.*' }
  - { privileges: [SELECT], object: 'column public.t' }
  - { privileges: [SELECT], object: 'column public.t()' }
  - { privileges: [SELECT], object: 'large object x' }
  - { privileges: [SELECT], object: 'all tables in schema' }
  - { privileges: [SELECT], object: 'table public.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' }
  - { privileges: [SELECT], object: '' }
"#), @r#"
    p.yaml:9:41: unknown kind of object in `tabel public.t`
      hint: did you mean `table`?
    p.yaml:10:41: unknown kind of object in `public.t`
      hint: write a kind, then a name; the kinds are `table`, `view`, `materialized view`, `foreign table`, `all tables in schema`, `all sequences in schema`, `all routines in schema`, `all functions in schema`, `all procedures in schema`, `column`, `sequence`, `function`, `procedure`, `routine`, `aggregate`, `schema`, `database`, `type`, `domain`, `language`, `foreign server`, `foreign data wrapper`, `tablespace`, `large object`, `parameter`
    p.yaml:11:41: `t` does not say in which schema
      hint: write `public.t` if it is in the schema `public`
    p.yaml:12:41: a name has at most a schema and a name, not three parts
      hint: the database goes into `database:`; a dot in a name needs double quotes
    p.yaml:13:41: the name is missing behind `table`
    p.yaml:14:41: `;` has no place in an object's name
      hint: put an unusual name into double quotes, as in SQL
    p.yaml:15:41: a `"` is not closed
    p.yaml:16:41: nothing may follow the object's name
      hint: one object a grant; an unusual name needs double quotes, as in SQL
    p.yaml:17:41: `*` has no place in an object's name
      hint: all of a kind are `all tables in schema NAME` and the like
    p.yaml:18:41: `(` is missing
    p.yaml:19:41: `)` has no place in an object's name
      hint: put an unusual name into double quotes, as in SQL
    p.yaml:20:41: a large object is named by its OID
    p.yaml:21:41: the name is missing behind `all tables in schema`
    p.yaml:22:41: `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` is 64 bytes long, PostgreSQL keeps 63
    p.yaml:23:41: unknown kind of object in ``
      hint: write a kind, then a name; the kinds are `table`, `view`, `materialized view`, `foreign table`, `all tables in schema`, `all sequences in schema`, `all routines in schema`, `all functions in schema`, `all procedures in schema`, `column`, `sequence`, `function`, `procedure`, `routine`, `aggregate`, `schema`, `database`, `type`, `domain`, `language`, `foreign server`, `foreign data wrapper`, `tablespace`, `large object`, `parameter`
    "#);
}

#[test]
fn routines() {
    assert_snapshot!(of_role("grants:
  - { privileges: [EXECUTE], object: 'function public.f' }
  - { privileges: [EXECUTE], object: 'function f()' }
  - { privileges: [EXECUTE], object: 'function public.f(amount integer)' }
  - { privileges: [EXECUTE], object: 'function public.f(OUT integer)' }
  - { privileges: [EXECUTE], object: 'function public.f(mood)' }
  - { privileges: [EXECUTE], object: 'function public.f(int' }
  - { privileges: [EXECUTE], object: 'function public.f(varchar(x))' }
  - { privileges: [EXECUTE], object: 'function public.f(int[)' }
  - { privileges: [EXECUTE], object: 'function public.f(int) returns int' }
"), @"
    p.yaml:9:42: `public.f` does not say which argument types
      hint: write `public.f()` if it has none
    p.yaml:10:42: `f` does not say in which schema
      hint: write `public.f` if it is in the schema `public`
    p.yaml:11:42: `amount integer` is not a type this program knows
      hint: give argument types only, without names and modes, and a type of your own with its schema
    p.yaml:12:42: `out integer` is not a type this program knows
      hint: give argument types only, without names and modes, and a type of your own with its schema
    p.yaml:13:42: `mood` is not a type this program knows
      hint: give argument types only, without names and modes, and a type of your own with its schema
    p.yaml:14:42: `)` is missing
    p.yaml:15:42: a type modifier is a number in parentheses
    p.yaml:16:42: `]` is missing
    p.yaml:17:42: nothing may follow the object's name
      hint: one object a grant; an unusual name needs double quotes, as in SQL
    ");
}

#[test]
fn missing_parts() {
    assert_snapshot!(of_role("grants: [{ object: table public.t }, { privileges: [SELECT] }, table public.t, { privileges: SELECT, object: table public.t, databse: x, grantable: 1 }]
"), @"
    p.yaml:8:14: `privileges` is missing
    p.yaml:8:42: `object` is missing
    p.yaml:8:68: expected a map, found the text `table public.t`
    p.yaml:8:98: expected a list, found the text `SELECT`
      hint: write [SELECT]
    p.yaml:8:130: unknown key `databse`
      hint: did you mean `database`?
    p.yaml:8:153: expected `true` or `false`, found the number `1`
    ");
}
