create table members (id bigserial primary key, name text not null);
