// Who are you: shown where the console has users.

import { type FormEvent, useState } from "react";
import { ApiError, send } from "../api/client";
import { queryClient } from "../api/queries";
import type { Session } from "../api/types";
import { Button, Text } from "../ui/controls";
import { Mark } from "../ui/icons";
import css from "./shell.module.css";

export function Login() {
  const [user, setUser] = useState("");
  const [password, setPassword] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);

  async function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await send<Session>("POST", "/session", { user, password });
      await queryClient.invalidateQueries();
    } catch (error) {
      const hint = error instanceof ApiError ? error.hint : null;
      setProblem(hint ? `${(error as Error).message}: ${hint}` : (error as Error).message);
    } finally {
      setBusy(false);
    }
  }

  return (
    <main className={css.login}>
      <form className="card" onSubmit={submit}>
        <Mark size={36} />
        <h1>Sign in</h1>
        <Text
          label="User"
          value={user}
          onChange={setUser}
          autoFocus
          name="username"
          autoComplete="username"
        />
        <Text
          label="Password"
          type="password"
          value={password}
          onChange={setPassword}
          error={problem}
          name="password"
          autoComplete="current-password"
        />
        <Button look="primary" type="submit" isDisabled={isBusy || user === ""}>
          Sign in
        </Button>
      </form>
    </main>
  );
}
