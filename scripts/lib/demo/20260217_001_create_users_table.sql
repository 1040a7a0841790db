create table "users" (
  "id" uuid default gen_random_uuid(),
  "email" varchar(255) not null,
  "name" varchar(255) not null,
  "password_hash" varchar(255) not null,
  "role" text check ("role" in ('admin', 'editor', 'viewer')) default 'viewer',
  "email_verified" boolean default '0',
  "created_at" timestamptz default CURRENT_TIMESTAMP,
  "updated_at" timestamptz default CURRENT_TIMESTAMP,
  constraint "users_pkey" primary key ("id")
);
alter table "users" add constraint "users_email_unique" unique ("email");
CREATE INDEX idx_users_email_verified ON users (email) WHERE email_verified = true;
